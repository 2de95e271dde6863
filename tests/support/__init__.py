"""What tests share: a city, its people, ledgers, brokers and ports."""
