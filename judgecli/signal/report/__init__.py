"""What a report says of the rows: first sentence, headline, changes, slices."""
