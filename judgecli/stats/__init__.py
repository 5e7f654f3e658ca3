"""Pure numbers in, numbers out; one method a file; knows no record."""
