"""The command `plurimus`: flags, wiring, tables.  A file per group of subcommands."""
