// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOCore
import NIOSSL

/// A connection with what stands before its HTTP decoder: TLS, with the certificate that is current
/// when it comes, and the deadline of heads.
struct DoorChannel<Base: ServerChildChannel>: ServerChildChannel {
    typealias Value = Base.Value

    let base: Base
    /// `nil` for plain HTTP.
    let tls: DoorTLS?
    let headTimeout: Duration

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            if let tls {
                try pipeline.addHandlers([
                    PlainHTTPRefusal(), NIOSSLServerHandler(context: tls.context),
                ])
            }
            try pipeline.addHandler(HeadDeadline(timeout: headTimeout))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

extension HTTPServerBuilder {
    /// HTTP/1.1, under TLS where there is a certificate.
    static func http1(
        configuration: HTTP1Channel.Configuration, under tls: DoorTLS?, headTimeout: Duration
    ) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            DoorChannel(
                base: HTTP1Channel(responder: responder, configuration: configuration), tls: tls,
                headTimeout: headTimeout)
        }
    }
}
