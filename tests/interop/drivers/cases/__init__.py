"""The cases of each plugin type, a module for each or for a few that are alike."""
