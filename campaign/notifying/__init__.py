"""How people are told who are not looking at the screen."""
