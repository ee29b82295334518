// SPDX-License-Identifier: Apache-2.0

import COneDNN

/// A described piece of memory with another owner, as oneDNN passes it around.
///
/// `@unchecked Sendable`: used by one call at a time, or immutable (weights).
final class OneDNNMemory: @unchecked Sendable {
    let handle: dnnl_memory_t
    private(set) var address: UnsafeMutableRawPointer?

    init(
        _ description: OneDNNDescription, at address: UnsafeMutableRawPointer? = nil,
        library: OneDNNLibrary
    ) throws(OneDNNError) {
        var handle: dnnl_memory_t?
        // A null address means "no memory yet" (DNNL_MEMORY_NONE).
        let status = rt_dnnl_memory_create(&handle, description.handle, library.engine, address)
        try OneDNNError.check(status, "create a memory object")
        guard let handle else {
            throw OneDNNError(action: "create a memory object", status: "no object")
        }
        self.handle = handle
        self.address = address
    }

    deinit { dnnl_memory_destroy(handle) }

    /// Points the object at the same kind of tensor elsewhere.
    func move(to address: UnsafeMutableRawPointer) {
        // A layer's tensors have the same address in every step: usually there is nothing to do.
        guard address != self.address else { return }
        let status = dnnl_memory_set_data_handle(handle, address)
        precondition(status == dnnl_success, "oneDNN refuses an address: \(status.rawValue)")
        self.address = address
    }
}

/// A layer's weights in one of the layouts requested by primitives.
final class OneDNNWeights: Sendable {
    let memory: OneDNNMemory
    private let description: OneDNNDescription
    private let storage: TensorStorage

    /// Memory for weights, content unspecified.
    init(_ description: OneDNNDescription, library: OneDNNLibrary) throws {
        self.description = description
        storage = try TensorStorage(byteCount: description.byteCount, spreads: true)
        memory = try OneDNNMemory(description, at: storage.base, library: library)
    }

    /// The same weights in another layout or type.
    convenience init(
        _ description: OneDNNDescription, from source: OneDNNMemory,
        describedBy sourceDescription: OneDNNDescription, library: OneDNNLibrary
    ) throws {
        try self.init(description, library: library)
        try Self.reorder(source, sourceDescription, to: memory, description, library)
    }

    /// The same weights as `other` in another layout.
    convenience init(
        _ description: OneDNNDescription, from other: OneDNNWeights, library: OneDNNLibrary
    ) throws {
        try self.init(
            description, from: other.memory, describedBy: other.description, library: library)
    }

    /// Their address; written once, before they are shared.
    var base: UnsafeMutableRawPointer { storage.base }

    func isLaidOut(as other: OneDNNDescription) -> Bool { description.isEqual(to: other) }

    private static func reorder(
        _ source: OneDNNMemory, _ sourceDescription: OneDNNDescription, to target: OneDNNMemory,
        _ targetDescription: OneDNNDescription, _ library: OneDNNLibrary
    ) throws(OneDNNError) {
        var plan: dnnl_primitive_desc_t?
        try OneDNNError.check(
            rt_dnnl_reorder_plan(
                &plan, sourceDescription.handle, targetDescription.handle, library.engine),
            "plan a reorder")
        defer { dnnl_primitive_desc_destroy(plan) }
        var primitive: dnnl_primitive_t?
        try OneDNNError.check(dnnl_primitive_create(&primitive, plan), "create a reorder")
        defer { dnnl_primitive_destroy(primitive) }
        var stream: dnnl_stream_t?
        try OneDNNError.check(
            dnnl_stream_create(&stream, library.engine, dnnl_stream_default_flags.rawValue),
            "create a stream")
        defer { dnnl_stream_destroy(stream) }
        let arguments = [
            dnnl_exec_arg_t(arg: DNNL_ARG_FROM, memory: source.handle),
            dnnl_exec_arg_t(arg: DNNL_ARG_TO, memory: target.handle),
        ]
        try OneDNNError.check(
            dnnl_primitive_execute(primitive, stream, Int32(arguments.count), arguments),
            "reorder weights")
        try OneDNNError.check(dnnl_stream_wait(stream), "reorder weights")
    }
}
