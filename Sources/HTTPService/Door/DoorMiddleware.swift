// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceAPI

/// Who may enter: checks where a request was meant for and whose page sends it, gives every error
/// its shape, and counts.
struct DoorMiddleware: RouterMiddleware {
    typealias Context = ServiceContext

    let rules: HostRules
    let counter: RequestCounter
    let table: RouteTable

    func handle(
        _ request: Request, context: ServiceContext,
        next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        let clock = ContinuousClock()
        let begin = clock.now
        var response = await respond(to: request, context: context, next: next)
        if let origin = request.headers[.origin], rules.allows(origin) {
            response.headers[.accessControlAllowOrigin] = origin
            response.headers[.vary] = "Origin"
        }
        counter.add(
            route: context.endpointPath ?? "other", status: response.status.code,
            seconds: (clock.now - begin).seconds)
        // What is left of a body that is not wanted is not waited for.
        if [408, 413].contains(response.status.code) {
            let channel = context.channel
            channel.eventLoop.scheduleTask(in: .milliseconds(500)) { channel.close(promise: nil) }
        }
        // Also of problems: what follows a head without a body is the next answer.
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func respond(
        to request: Request, context: ServiceContext,
        next: (Request, ServiceContext) async throws -> Response
    ) async -> Response {
        let dialect = APIDialect(path: request.uri.path)
        let host = Self.host(of: request)
        let origin = request.headers[.origin]
        let address = context.channel.localAddress?.ipAddress
        if let problem = rules.problem(host: host, origin: origin, address: address) {
            return .problem(problem, in: dialect)
        }
        if request.method == .options, let origin, rules.allows(origin) {
            return Response(
                status: .noContent,
                headers: [
                    .accessControlAllowMethods: "GET, POST, DELETE",
                    .accessControlAllowHeaders: "Authorization, Content-Type, Idempotency-Key",
                    .accessControlMaxAge: "600",
                ])
        }
        do {
            return try await next(request, context)
        } catch let problem as APIProblem {
            return .problem(problem, in: dialect)
        } catch let error as HTTPError where error.status == .notFound {
            let methods = table.methods(at: request.uri.path)
            let problem =
                methods.map { .methodNotAllowed($0.map(\.rawValue)) } ?? APIProblem.notFound
            return .problem(problem, in: dialect)
        } catch let error as HTTPError {
            return .problem(
                APIProblem(
                    error.status.code, "refused", error.body ?? error.status.reasonPhrase),
                in: dialect)
        } catch {
            context.logger.error("request failed", metadata: ["reason": "\(error)"])
            return .problem(.broken, in: dialect)
        }
    }

    /// Which host a request was meant for; several are none (RFC 9112, section 3.2).
    ///
    /// Of a target with a host (absolute form) the server has only the path, and this is one host.
    private static func host(of request: Request) -> String? {
        let others = HTTPField.Name("Host").map { request.headers[values: $0] } ?? []
        guard !others.isEmpty else { return request.head.authority }
        return ([request.head.authority ?? ""] + others).joined(separator: ", ")
    }
}
