// SPDX-License-Identifier: Apache-2.0

internal import COneDNN

/// A described piece of memory that somebody else owns, as oneDNN passes it around.
///
/// `@unchecked Sendable`: used by one call at a time, or never changed again (weights).
final class OneDNNMemory: @unchecked Sendable {
    let handle: dnnl_memory_t
    private(set) var address: UnsafeMutableRawPointer?

    init(
        _ descriptor: dnnl_memory_desc_t, at address: UnsafeMutableRawPointer? = nil,
        library: OneDNNLibrary
    ) throws(OneDNNError) {
        var descriptor = descriptor
        var handle: dnnl_memory_t?
        // A null handle means "no memory yet" (DNNL_MEMORY_NONE).
        let status = dnnl_memory_create(&handle, &descriptor, library.engine, address)
        try OneDNNError.check(status, "create a memory object")
        guard let handle else {
            throw OneDNNError(action: "create a memory object", status: "no object")
        }
        self.handle = handle
        self.address = address
    }

    deinit { dnnl_memory_destroy(handle) }

    /// Makes the object stand for the same kind of tensor elsewhere.
    func move(to address: UnsafeMutableRawPointer) {
        // A layer's tensors lie at the same place in every step: mostly there is nothing to do.
        guard address != self.address else { return }
        let status = dnnl_memory_set_data_handle(handle, address)
        precondition(status == dnnl_success, "oneDNN refuses an address: \(status.rawValue)")
        self.address = address
    }
}

/// A layer's weights in one of the layouts that primitives ask for.
final class OneDNNWeights: Sendable {
    let memory: OneDNNMemory
    private let descriptor: OneDNNDescriptor
    private let storage: TensorStorage

    /// Memory for weights, content unspecified.
    init(_ descriptor: dnnl_memory_desc_t, library: OneDNNLibrary) throws {
        self.descriptor = OneDNNDescriptor(descriptor)
        storage = try TensorStorage(byteCount: descriptor.byteCount)
        memory = try OneDNNMemory(descriptor, at: storage.base, library: library)
    }

    /// The same weights in another layout or type.
    convenience init(
        _ descriptor: dnnl_memory_desc_t, from source: OneDNNMemory,
        describedBy sourceDescriptor: dnnl_memory_desc_t, library: OneDNNLibrary
    ) throws {
        try self.init(descriptor, library: library)
        try Self.reorder(source, sourceDescriptor, to: memory, descriptor, library)
    }

    /// The same weights as `other` in another layout.
    convenience init(
        _ descriptor: dnnl_memory_desc_t, from other: OneDNNWeights, library: OneDNNLibrary
    ) throws {
        try self.init(
            descriptor, from: other.memory, describedBy: other.descriptor.value, library: library)
    }

    /// Where they are; written once, before anybody else has them.
    var base: UnsafeMutableRawPointer { storage.base }

    func isLaidOut(as other: dnnl_memory_desc_t) -> Bool {
        withUnsafePointer(to: descriptor.value) { mine in
            withUnsafePointer(to: other) { dnnl_memory_desc_equal(mine, $0) == 1 }
        }
    }

    private static func reorder(
        _ source: OneDNNMemory, _ sourceDescriptor: dnnl_memory_desc_t, to target: OneDNNMemory,
        _ targetDescriptor: dnnl_memory_desc_t, _ library: OneDNNLibrary
    ) throws(OneDNNError) {
        var (from, to) = (sourceDescriptor, targetDescriptor)
        var description: dnnl_primitive_desc_t?
        try OneDNNError.check(
            dnnl_reorder_primitive_desc_create(
                &description, &from, library.engine, &to, library.engine, nil), "plan a reorder")
        defer { dnnl_primitive_desc_destroy(description) }
        var primitive: dnnl_primitive_t?
        try OneDNNError.check(dnnl_primitive_create(&primitive, description), "create a reorder")
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

/// A memory description that crosses threads.
///
/// `@unchecked Sendable`: plain numbers; the imported C struct just is not marked as such.
private struct OneDNNDescriptor: @unchecked Sendable {
    let value: dnnl_memory_desc_t
    init(_ value: dnnl_memory_desc_t) { self.value = value }
}
