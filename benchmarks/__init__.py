"""Speed and memory of visprof beside its peers; see README.md."""
