"""The book: its pages are read, executed with what they are given, and made into HTML."""
