"""Gates: a question about a mean or a share, and its verdict."""
