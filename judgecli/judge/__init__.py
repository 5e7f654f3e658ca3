"""Judges: rubrics, the prompt that asks for one verdict, and the verdict in the reply. Pure: no I/O."""
