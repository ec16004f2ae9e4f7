"""Who may do what: roles and their rules, whose an object is, what an operation touches."""
