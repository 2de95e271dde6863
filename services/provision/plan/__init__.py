"""What a city is made from: the demonstration city's plan, or one from questions and answers."""
