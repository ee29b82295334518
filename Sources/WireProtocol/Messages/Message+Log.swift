// SPDX-License-Identifier: Apache-2.0

import Digests
import GenerationTypes

extension Message {
    /// The loggable parts of a message: names and numbers.
    ///
    /// Prompts are user data: only their length and a hash, which identifies equal ones.
    package var logFields: [String: String] {
        var fields = ["type": "\(type)"]
        if let lease {
            fields["image"] = "\(lease.item)"
            fields["attempt"] = "\(lease.attempt)"
            fields["lease.token"] = "\(lease.token)"
        }
        switch self {
        case .assign(_, let request):
            fields["prompt.bytes"] = "\(request.prompt.utf8.count)"
            let digest = SHA256.hash(data: Array(request.prompt.utf8))
            fields["prompt.sha256"] = Hexadecimal.text(digest.prefix(8))
        case .progress(let report): fields["step"] = "\(report.step)"
        case .refuse(let reason), .drain(let reason), .goodbye(let reason), .nak(_, let reason),
            .term(_, let reason):
            fields["code"] = "\(reason.code)"
            fields["reason"] = reason.text
        default: break
        }
        return fields
    }
}
