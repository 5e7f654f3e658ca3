"""What a verb reads from the store before it computes: sides, labels, links between judges, the reward, the rows of signals."""
