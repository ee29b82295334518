// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Foundation
import TestSupport

/// What a program with a certificate's files shows and asks for.
func tls(_ made: Certificates, _ name: String) throws -> ClusterSecurity {
    let key = Array(try Data(contentsOf: URL(filePath: made.file("\(name).key"))))
    return ClusterSecurity(
        tls: try TLSIdentity(
            certificatePath: made.file("\(name).pem"), key: key,
            keyPath: made.file("\(name).key"), authorityPath: made.file("ca.pem"),
            now: Int(Date().timeIntervalSince1970)))
}
