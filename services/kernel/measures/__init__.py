"""What a monitoring system can read of a process: measures of the fold (pure), and the pages that show them."""
