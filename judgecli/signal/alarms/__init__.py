"""The monitor: charts fed day by day, and what they say."""
