"""Everything that talks to a judge or a remote model: capture, send, retry, limit, price, batches."""
