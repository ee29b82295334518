// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterOptions
import ClusterTransport
import HTTPService
import RunService
import Runs
import ServiceAPI
import ServiceLedger

/// Where a service keeps its state and who may ask.
struct ServiceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Directory of the queue, the results and the keys; made if needed.",
            valueName: "directory"))
    var state: String

    @Option(help: ArgumentHelp("Address to listen at.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(help: ArgumentHelp("Port to listen at; 0 lets the system choose.", valueName: "number"))
    var port = 7860

    @Option(
        help: ArgumentHelp(
            """
            What the service is called behind a proxy, such as https://draw.example.org; then \
            every request needs a key.
            """, valueName: "url"))
    var publicURL: String?

    @Option(
        help: ArgumentHelp(
            "Let pages of this origin use the service, such as https://app.example.org.",
            valueName: "origin"))
    var allowOrigin: [String] = []

    @Option(
        help: ArgumentHelp(
            "Delete batches so long after their end, such as 12h or 30d; 0 keeps all.",
            valueName: "time"))
    var keep = "7d"

    @Option(
        help: ArgumentHelp(
            """
            Delete the batches that ended first when all pictures and latents take more than this, \
            such as 50G; 0 keeps all.
            """, valueName: "bytes"))
    var keepBytes = "0"

    @Option(
        help: ArgumentHelp(
            """
            Go on so long with what a request of A1111's or OpenAI's API waited for when its \
            connection is lost: the client may ask again.
            """, valueName: "time"))
    var orphanGrace = "60s"

    @Option(
        help: ArgumentHelp(
            "Who makes the pictures of the latents.", valueName: "coordinator|workers")
    )
    var decodeOn = DecodePlace.workers

    func validate() throws {
        guard (0...65535).contains(port) else {
            throw ValidationError("--port \(port): choose from 0 to 65535")
        }
        guard Self.seconds(keep) != nil else {
            throw ValidationError("--keep \(keep): a number and s, m, h or d, such as 7d")
        }
        guard ByteSize(keepBytes) != nil else {
            throw ValidationError(
                "--keep-bytes \(keepBytes): a number and K, M, G or T, such as 50G")
        }
        guard Self.seconds(orphanGrace) != nil else {
            throw ValidationError(
                "--orphan-grace \(orphanGrace): a number and s, m, h or d, such as 60s")
        }
        guard decodeOn != .none else {
            throw ValidationError("--decode-on none: clients want pictures; choose workers")
        }
    }

    /// How much is taken, and how long what is kept.
    var limits: LedgerLimits {
        var limits = LedgerLimits()
        limits.keepSeconds = Self.seconds(keep).flatMap { $0 > 0 ? $0 : nil }
        limits.keepByteCount = ByteSize(keepBytes).flatMap { $0.byteCount > 0 ? $0.byteCount : nil }
        limits.orphanGraceSeconds = Self.seconds(orphanGrace) ?? limits.orphanGraceSeconds
        return limits
    }

    /// The service's face.
    ///
    /// - Parameter tls: its certificate; `nil` for plain HTTP.
    func door(_ tls: DoorTLS?) -> HTTPDoor.Configuration {
        HTTPDoor.Configuration(
            host: host, port: port,
            rules: HostRules(boundHost: host, publicURL: publicURL, allowedOrigins: allowOrigin),
            needsKeys: publicURL != nil, tls: tls,
            isBehindTLS: publicURL?.lowercased().hasPrefix("https:") == true)
    }

    /// What others on the way could read; `nil` if that is nothing.
    ///
    /// - Parameter isEncrypted: whether the service speaks HTTPS itself.
    func exposure(isEncrypted: Bool) -> String? {
        guard !isEncrypted, !ClusterSecurity.isLoopback(host) else { return nil }
        return """
            --host \(host) without --http-tls-cert: keys, prompts and pictures can be read on the \
            way; give a certificate, or listen on 127.0.0.1 behind a proxy with TLS
            """
    }

    /// Refuses to listen for other machines without a key.
    ///
    /// - Throws: `ServiceStateError`, `NoKeyError`.
    func checkKeys(_ store: ServiceStore) throws {
        let isOpen = publicURL != nil || !ClusterSecurity.isLoopback(host)
        let cause = publicURL == nil ? "--host \(host)" : "--public-url"
        if isOpen, try !store.hasKeys { throw NoKeyError(cause: cause, state: state) }
    }

    private static func seconds(_ text: String) -> Double? {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        let unit = text.last.flatMap { units[$0] }
        let number = unit == nil ? text[...] : text.dropLast()
        guard let value = Double(number), value.isFinite, value >= 0 else { return nil }
        return value * (unit ?? 1)
    }
}

/// Other machines are let in, and no key was made.
struct NoKeyError: Error, CustomStringConvertible {
    /// The option that lets them in.
    let cause: String
    let state: String

    var description: String {
        """
        \(cause) lets other machines in, and anyone who reaches the port could generate here. \
        Make a key for each of them first:
          retom-serve keys add NAME --state \(state)
        """
    }
}
