"""What people, users and rewards say of records, and what can be learnt from it."""
