"""Partners: who is registered, how they register, and what an operator does with them."""
