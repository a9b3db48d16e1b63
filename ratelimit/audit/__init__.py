"""The evidence log: what was decided where it matters, chained and sealed, to be proved later."""

from ratelimit.audit.case import Case, case_of, verify_case
from ratelimit.audit.files import AuditError
from ratelimit.audit.log import EvidenceLog
from ratelimit.audit.verify import Finding, Verified, records, verify

__all__ = ["AuditError", "Case", "EvidenceLog", "Finding", "Verified", "case_of", "records", "verify", "verify_case"]
