// SPDX-License-Identifier: Apache-2.0

import ServiceLedger

/// What clients may be answered.
extension SimulatedService {
    func problemOfSubmission(_ request: LedgerScenario.ClientRequest, _ answer: LedgerAnswer)
        -> String?
    {
        switch answer {
        case .accepted(let id, _):
            guard let record = disk.records[id] else {
                return "batch \(id) is announced and not stored"
            }
            if record.accepted.submission.bodyDigest != request.digest {
                return "a request gets batch \(id) of another body"
            }
            return record.accepted.caller == request.caller
                ? nil : "batch \(id) is another caller's"
        case .refused(.keyReused):
            guard let key = request.key else { return "no key, and it was used before" }
            // It may be on its way to the disk.
            let record = disk.record(of: key, request.caller)
            return record?.accepted.submission.bodyDigest == request.digest
                ? "a repetition is refused" : nil
        case .refused, .admitted: return nil
        case .done(let id): return "a submission of \(id) is done"
        }
    }

    func problemOfEnd(_ request: LedgerScenario.ClientRequest, _ answer: LedgerAnswer) -> String? {
        guard case .done(let id) = answer, let end = request.end else { return nil }
        guard let record = disk.records[id] else { return "batch \(id) is gone" }
        if record.accepted.caller != end.by { return "\(end.by) ended a batch of another caller" }
        if record.status == nil { return "batch \(id) is reported as ended and continues" }
        if end.erases, record.erasedAt == nil { return "batch \(id) is said to be erased" }
        return nil
    }
}
