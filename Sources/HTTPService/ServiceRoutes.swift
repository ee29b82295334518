// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import ProcessSupport
import ServiceAPI
import ServiceLedger

/// The paths of a service: what of a request matters, and how answers look.
struct ServiceRoutes: Sendable {
    let service: any ImageServing
    let needsKeys: Bool
    let counter: RequestCounter
    let times: DoorTimes
    let rules: HostRules
    /// Whether browsers reach the service by HTTPS.
    let hasSecureCookies: Bool

    typealias Context = ServiceContext

    /// Everything that is served.
    var router: Router<Context> {
        func assembled(_ table: RouteTable) -> Router<Context> {
            let router = interface(table)
            addPage(to: router)
            return router
        }
        return assembled(RouteTable(assembled(RouteTable())))
    }

    /// What programs use.
    ///
    /// - Parameter table: of all paths, for requests with a method that theirs does not have.
    func interface(_ table: RouteTable = RouteTable()) -> Router<Context> {
        let router = Router(context: Context.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: DoorMiddleware(rules: rules, counter: counter, table: table))
        addHealth(to: router)
        addCluster(to: router)
        addSession(to: router)
        addBatches(to: router)
        addImages(to: router)
        addEvents(to: router)
        addSDAPI(to: router)
        addOpenAI(to: router)
        return router
    }

    /// Who asks.
    func caller(_ request: Request, _ context: Context) async throws -> ServedCaller {
        let key = Credentials.key(in: request.headers[.authorization])
        if key == nil, let session = session(request, context),
            let caller = try await service.visitor(session: session)
        {
            return caller
        }
        return try await service.visitor(key, isLocal: context.isLocal && !needsKeys)
    }

    /// Which batch a path names.
    func batch(_ context: Context) throws -> BatchID {
        guard let id = context.parameters.get("id"), id.utf8.count <= 64 else {
            throw APIProblem.notFound
        }
        return BatchID(id)
    }

    /// Which image a path names.
    func index(_ context: Context) throws -> Int {
        guard let text = context.parameters.get("index"), text.utf8.count <= 9,
            let index = Int(text), index >= 0
        else { throw APIProblem.notFound }
        return index
    }

    // MARK: Health

    func addHealth(to router: Router<Context>) {
        router.get("/healthz") { _, _ in Response.text("ok\n") }
        router.get("/readyz") { _, _ in
            guard let reason = service.unreadiness else { return Response.text("ok\n") }
            return Response.text("\(reason)\n", status: .serviceUnavailable)
        }
        router.get("/metrics") { request, context in
            _ = try await caller(request, context)
            var page = service.metrics
            counter.add(to: &page)
            return Response.text(page.text, type: PrometheusText.contentType)
        }
        router.get("/openapi.json") { _, _ in Response.json(text: OpenAPIDocument.json) }
        router.get("/retom/v1/capabilities") { request, context in
            _ = try await caller(request, context)
            return Response.json(text: service.capabilities + "\n")
        }
    }
}
