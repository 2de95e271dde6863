"""The rules of the replay, by the kind of entry that they judge (services.audit.proof.replay has the table)."""
