// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
package import ClusterTransport
import Glibc

/// Authentication and encryption; the same options for coordinator and worker.
package struct SecurityOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Encrypt with the cluster's key in this file and accept only its holders: both \
            programs must have it. 'openssl rand -hex 32' makes one; only its owner may read the \
            file; - reads a line of standard input.
            """, valueName: "file"))
    package var authKeyFile: String?

    @Option(
        help: ArgumentHelp("Encrypt with TLS; present this certificate (PEM).", valueName: "file"))
    package var tlsCert: String?

    @Option(help: ArgumentHelp("The certificate's private key (PEM).", valueName: "file"))
    package var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "The authority that signed all certificates of the cluster (PEM).",
            valueName: "file"))
    package var tlsCa: String?

    package init() {}

    package func validate() throws {
        let count = [tlsCert, tlsKey, tlsCa].count { $0 != nil }
        guard count == 0 || count == 3 else {
            throw ValidationError(
                """
                --tls-cert, --tls-key and --tls-ca are used together; cluster/make-certificates \
                makes all three
                """)
        }
    }

    /// Whether any of the options is given.
    package var isGiven: Bool { authKeyFile != nil || tlsCert != nil }

    /// Reads the files.
    ///
    /// - Throws: `KeyFileError`, `SecretFileError`, `TLSIdentityError`.
    package func load() throws -> ClusterSecurity {
        var security = ClusterSecurity()
        if let path = authKeyFile {
            let content = try SecretFile.read(path)
            do {
                security.key = try ClusterKey(fileContent: content)
            } catch {
                throw KeyFileError(path: path, problem: error)
            }
        }
        if let tlsCert, let tlsKey, let tlsCa {
            security.tls = try TLSIdentity(
                certificatePath: tlsCert, key: try SecretFile.read(tlsKey), keyPath: tlsKey,
                authorityPath: tlsCa, now: time(nil))
        }
        return security
    }

    /// Refuses to communicate with other machines without a key or TLS.
    ///
    /// - Parameter hosts: addresses to listen on or connect to.
    /// - Throws: `UnprotectedHostError`.
    package func check(
        _ hosts: [String], _ use: UnprotectedHostError.Use
    ) throws(UnprotectedHostError) {
        guard !isGiven, let host = hosts.first(where: { !ClusterSecurity.isLoopback($0) }) else {
            return
        }
        throw UnprotectedHostError(host: host, use: use)
    }
}

/// A key file that does not contain a key.
package struct KeyFileError: Error, CustomStringConvertible {
    let path: String
    let problem: ClusterKeyError

    package var description: String { "\(path): \(problem)" }
}

/// Another machine, without authentication.
package struct UnprotectedHostError: Error, Equatable, CustomStringConvertible {
    /// The purpose of the connection.
    package enum Use: Sendable {
        case listening
        case connecting
    }

    let host: String
    let use: Use

    package var description: String {
        let problem =
            switch use {
            case .listening:
                """
                --host \(host) lets other machines in, and anyone who reaches the port could use \
                this worker.
                """
            case .connecting:
                """
                the worker \(host) is another machine, and anyone who answers there would get the \
                prompts.
                """
            }
        return """
            \(problem) Give all machines one key:
              (umask 077; openssl rand -hex 32 > retom.key)   # copy it to every machine, then
              --auth-key-file retom.key                       # with retom-worker and retom-coord
            or certificates, one per machine: cluster/make-certificates makes the files for \
            --tls-cert, --tls-key and --tls-ca. Both encrypt.
            """
    }
}
