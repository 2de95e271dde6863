"""The gatekeeper: consumes requests, approvals and control; decides by the policy; publishes verdicts."""
