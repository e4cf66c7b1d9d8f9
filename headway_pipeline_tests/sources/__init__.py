"""Sources, over real HTTP against the sandbox."""
