"""The host's policy: grants, checks of each message, and the audit."""
