"""The gatekeeper: consumes requests, approvals, receipts and control; decides by the policy; publishes verdicts."""
