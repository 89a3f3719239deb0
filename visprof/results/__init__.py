"""What was found: numbers with their provenance, verdicts, tables and sentences made of them."""
