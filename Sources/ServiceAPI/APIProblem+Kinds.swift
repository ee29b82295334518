// SPDX-License-Identifier: Apache-2.0

package import ServiceLedger

extension APIProblem {
    /// There is nothing at a path.
    package static let notFound = APIProblem(
        404, "not_found", "there is nothing here; /openapi.json has the paths that there are")

    /// A path has other methods.
    ///
    /// - Parameter methods: those that it has.
    package static func methodNotAllowed(_ methods: [String]) -> APIProblem {
        APIProblem(
            405, "method_not_allowed",
            "this path has \(methods.joined(separator: ", ")); see /openapi.json",
            headers: ["Allow": methods.joined(separator: ", ")])
    }

    /// The caller has no such batch.
    package static func unknownBatch(_ id: String) -> APIProblem {
        APIProblem(
            404, "unknown_batch",
            "you have no batch \(id); GET /retom/v1/batches lists those that you have")
    }

    /// The batch was erased.
    package static func erasedBatch(_ id: String) -> APIProblem {
        APIProblem(410, "erased", "batch \(id) was deleted or has expired; submit it again")
    }

    /// The batch that an `Idempotency-Key` stands for was erased.
    package static func erasedReplay(_ id: String) -> APIProblem {
        APIProblem(
            410, "erased",
            "batch \(id), which this Idempotency-Key stands for, was deleted or has expired; send "
                + "a new key to generate it again")
    }

    /// A batch has fewer images.
    package static func unknownImage(_ index: String, count: Int) -> APIProblem {
        APIProblem(
            404, "unknown_image", "there is no image \(index); this batch has 0 to \(count - 1)")
    }

    /// An image has no picture or latents yet.
    package static func notReady(_ index: Int, retryAfterSeconds: Int) -> APIProblem {
        APIProblem(
            404, "not_ready", "image \(index) is not finished; ask again later",
            retryAfterSeconds: retryAfterSeconds)
    }

    /// An image will never have a picture.
    package static func noPicture(_ index: Int, _ reason: String) -> APIProblem {
        APIProblem(410, "no_picture", "image \(index) has no picture: \(reason)")
    }

    /// A page of a sheet has no pictures yet.
    package static func sheetNotReady(retryAfterSeconds: Int) -> APIProblem {
        APIProblem(
            404, "not_ready", "no picture of this page is finished; ask again later",
            retryAfterSeconds: retryAfterSeconds)
    }

    /// A sheet has fewer pages.
    package static func unknownPage(_ page: Int, count: Int) -> APIProblem {
        APIProblem(404, "unknown_page", "there is no page \(page); this sheet has 1 to \(count)")
    }

    /// A sheet will never have pictures.
    package static func noSheet(_ id: String) -> APIProblem {
        APIProblem(
            410, "no_picture", "batch \(id) ended without a picture; its images say why")
    }

    /// A field of a query has a value that there is not.
    package static func unknownChoice(
        _ name: String, _ value: String, of choices: [String]
    ) -> APIProblem {
        APIProblem(
            422, "invalid",
            "there is no \(name) \(value); choose \(choices.joined(separator: ", "))",
            param: name)
    }

    /// The key is missing or wrong.
    package static let unauthorized = APIProblem(
        401, "unauthorized",
        "this address needs a key: send it as 'Authorization: Bearer KEY' or as a Basic password")

    /// The request was meant for another server.
    package static func misdirected(_ host: String) -> APIProblem {
        APIProblem(
            421, "misdirected",
            "this service is not called \(host); use its address, or start it with --public-url")
    }

    /// The caller does not run the service.
    package static let notAdmin = APIProblem(
        403, "not_admin",
        "this needs an administrator's key: 'retom-serve keys add NAME --admin' makes one")

    /// The cluster has no such worker.
    ///
    /// - Parameter names: of those that it has.
    package static func unknownWorker(_ name: String, of names: [String]) -> APIProblem {
        APIProblem(
            404, "unknown_worker",
            "there is no worker \(name); choose \(names.joined(separator: ", "))")
    }

    /// A page of another site asks.
    package static func foreignOrigin(_ origin: String) -> APIProblem {
        APIProblem(
            403, "foreign_origin",
            "pages of \(origin) may not use this service; allow them with --allow-origin")
    }

    /// The body is of another kind.
    package static func unsupportedType(_ type: String?) -> APIProblem {
        APIProblem(
            415, "unsupported_media_type",
            """
            the body is \(type ?? "of no type"); send application/json, or application/jsonl for \
            a prompt file
            """)
    }

    /// The body is too long.
    package static func tooLarge(_ byteCountMax: Int) -> APIProblem {
        APIProblem(
            413, "too_large",
            "the body has more than \(byteCountMax >> 20) MiB; divide it into several batches")
    }

    /// The body does not come as HTTP has it.
    package static let brokenBody = APIProblem(
        400, "broken_body", "the body is cut short or its chunks are damaged; send it again",
        headers: ["Connection": "close"])

    /// The body takes too long.
    package static let tooSlow = APIProblem(
        408, "too_slow", "the body did not arrive in time; send it faster",
        headers: ["Connection": "close"])

    /// Nobody could draw now.
    package static func noWorker(_ reason: String) -> APIProblem {
        APIProblem(
            503, "no_worker", "\(reason); try again when a worker is there, or submit a batch",
            retryAfterSeconds: 30)
    }

    /// The disk is nearly full.
    package static let diskFull = APIProblem(
        503, "disk_full", "the disk of the service is nearly full; delete batches, then try again",
        retryAfterSeconds: 60)

    /// The directory of the service is gone, or can't be read.
    package static let stateGone = APIProblem(
        503, "state_unreadable",
        "the service's directory can't be read; its log says why: mend that, then try again",
        retryAfterSeconds: 60)

    /// The service is at fault.
    package static let broken = APIProblem(
        500, "internal", "the service failed; its log says why")

    /// The meaning of a refusal.
    package init(_ refusal: LedgerRefusal, batch: String) {
        switch refusal {
        case .keyReused:
            self.init(
                422, "idempotency_key_reused",
                """
                this Idempotency-Key stands for a batch with another body; use a new key for a \
                new batch
                """)
        case .callerQueueFull(let count, let max):
            self.init(
                429, "queue_full",
                "you have \(count) images in the queue, of \(max); wait for some of them",
                retryAfterSeconds: 60)
        case .queueFull(let count, let max):
            self.init(
                429, "queue_full",
                "the queue holds \(count) images, of \(max); try again later",
                retryAfterSeconds: 60)
        case .batchTooLarge(let count, let max):
            self.init(
                422, "batch_too_large",
                "\(count) images are more than a batch may have, \(max); divide it")
        case .tooFast(let seconds):
            self.init(
                429, "too_fast", "you submit too fast; put several prompts into one batch",
                retryAfterSeconds: Int(seconds.rounded(.up)))
        case .tooManyWaiting(let max):
            self.init(
                429, "too_many_waiting",
                "\(max) of your requests wait for their pictures; wait for one of them",
                retryAfterSeconds: 5)
        case .draining:
            self.init(
                503, "draining", "the service is about to stop; try again when it is back",
                retryAfterSeconds: 10)
        case .unknownBatch: self = .unknownBatch(batch)
        case .erased: self = .erasedBatch(batch)
        }
    }
}
