"""The verbs, a module a command: each wires what evidence/, asking and the core give. None has arithmetic of its own."""
