// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Glibc
import HTTPService
import Logging
import NodeSupport

/// A certificate in files that are renewed now and then.
final class HTTPSCertificate: Sendable {
    /// Files are looked at so often.
    private static let interval = Duration.seconds(5)

    /// What the door uses.
    let door: DoorTLS
    private let path: String
    private let keyPath: String
    private let firstStamp: [Stamp]

    /// Reads the files.
    ///
    /// - Throws: `HTTPSCertificateError`, `SecretFileError`.
    init(path: String, keyPath: String) throws {
        (self.path, self.keyPath) = (path, keyPath)
        firstStamp = [path, keyPath].map(Stamp.init)
        door = DoorTLS(try Self.load(path, keyPath).context)
    }

    private static func load(_ path: String, _ keyPath: String) throws -> ServerCertificate {
        let key = try SecretFile.read(keyPath)
        do throws(TLSIdentityError) {
            return try ServerCertificate(
                certificatePath: path, key: key, keyPath: keyPath, now: time(nil))
        } catch {
            throw HTTPSCertificateError(problem: error)
        }
    }

    /// Takes renewed files, until the task is cancelled.
    ///
    /// Of two files one is replaced first: what does not fit is tried again when either changes.
    func renewUntilCancelled(logger: Logger) async {
        var known = firstStamp
        while (try? await Task.sleep(for: Self.interval)) != nil {
            let found = [path, keyPath].map(Stamp.init)
            guard found != known else { continue }
            known = found
            do {
                door.replace(with: try Self.load(path, keyPath).context)
                logger.notice("certificate renewed", metadata: ["path": "\(path)"])
            } catch {
                logger.warning(
                    "certificate not renewed; the one before stays in use",
                    metadata: ["reason": "\(error)"])
            }
        }
    }

    /// What changes when a file, or a link to one, is replaced.
    private struct Stamp: Equatable {
        private var file: UInt64 = 0
        private var size = 0
        private var time = [0, 0]

        init(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return }
            (file, size) = (UInt64(status.st_ino), Int(status.st_size))
            time = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
        }
    }
}

/// Why a certificate can't be used for HTTPS.
struct HTTPSCertificateError: Error, CustomStringConvertible {
    let problem: TLSIdentityError

    var description: String {
        """
        \(problem.problem); give --http-tls-cert a valid certificate with its chain, and \
        --http-tls-key its key, both in PEM
        """
    }
}
