"""Offline proof over the second copy of the record: hashes, signatures, order, and the policy itself.

Consumes the files of ``City.audit_folder``; needs no broker. ``verify_record`` judges the whole record,
``compare_record`` holds it against the live ledger, ``list_entries`` and ``show_entry`` are for looking at it.
"""

from services.audit.proof.compare import LiveLedger, compare_record
from services.audit.proof.exports.export import CheckedExport, MadeExport, Wanted, check_export, export_record
from services.audit.proof.exports.prove import Checked, check_proof, prove_request
from services.audit.proof.exports.show import EntryProof, EntryView, list_entries, prove_entry, show_entry
from services.audit.proof.report import Report
from services.audit.proof.verify import trusted_keys, verify_record
from services.audit.record.violation import Violation

__all__ = [
    "Checked",
    "CheckedExport",
    "EntryProof",
    "EntryView",
    "LiveLedger",
    "MadeExport",
    "Report",
    "Violation",
    "Wanted",
    "check_export",
    "check_proof",
    "compare_record",
    "export_record",
    "list_entries",
    "prove_entry",
    "prove_request",
    "show_entry",
    "trusted_keys",
    "verify_record",
]
