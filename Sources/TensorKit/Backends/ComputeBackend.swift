// SPDX-License-Identifier: Apache-2.0

package import CKernels

/// Computes the products of a network: packs weights once and applies them many times.
///
/// Implementations hold no per-call state: lanes share packed layers concurrently.
package protocol ComputeBackend: Sendable {
    /// `openblas` or `onednn`.
    var kind: BackendKind { get }
    /// Precision of the products.
    var precision: Precision { get }
    /// The storage type of the products' inputs; norms and activations write this type.
    var activationType: ElementType { get }
    /// The instruction set of our own kernels beside it.
    var instructionSet: InstructionSet { get }
    /// The instruction set for products of bytes, if that is the precision.
    var int8InstructionSet: Int8InstructionSet? { get }
    /// Library, version and instruction set: equal kernel classes give equal bits for equal teams.
    var kernelClass: String { get }

    /// Packs the weights of a fully connected layer.
    func pack(_ parameters: LinearParameters) throws -> any PackedLinear
    /// Packs the weights of a convolution.
    func pack(_ parameters: ConvolutionParameters) throws -> any PackedConvolution

    /// All products of two sets of rows, `output[i, j] = left[i] · right[j]`, in f32 regardless of
    /// precision; on the calling thread's team.
    ///
    /// - Parameters:
    ///   - left: `[leftCount, depth]`, contiguous.
    ///   - right: `[rightCount, depth]`, contiguous.
    ///   - output: `[leftCount, rightCount]`, rows `outputStride` apart.
    func multiply(
        _ left: UnsafePointer<Float>, _ leftCount: Int, _ right: UnsafePointer<Float>,
        _ rightCount: Int, depth: Int, into output: UnsafeMutablePointer<Float>, outputStride: Int)
}

extension ComputeBackend {
    package var int8InstructionSet: Int8InstructionSet? { nil }

    /// Our own kernels, for lanes that run its layers.
    package var kernels: UnsafePointer<rt_kernels> { KernelTable.of(instructionSet) }

    /// The kernel class of a program that computes with it on a number of threads.
    package func kernelClass(threadCount: Int) -> String {
        "\(kernelClass)+\(String(cString: kernels.pointee.name))-t\(threadCount)"
    }
}

/// The library that computes the products.
package enum BackendKind: String, Sendable, Hashable, CaseIterable {
    case onednn
    case openblas
}

/// Precision of the products; norms, softmax, residual sums and the scheduler are always f32.
package enum Precision: String, Sendable, Hashable, CaseIterable {
    case float32 = "f32"
    case bfloat16 = "bf16"
    /// Bytes where a layer allows it, and otherwise bf16 where that is fast, or else f32.
    case int8
}

/// `y = x · Wᵀ + b`.
package struct LinearParameters {
    /// `[outputChannels, inputChannels]`, row-major; read during packing only.
    package var weight: UnsafeBufferPointer<Float>
    /// `[outputChannels]`; `nil` means zeros.
    package var bias: UnsafeBufferPointer<Float>?
    package var inputChannels: Int
    package var outputChannels: Int
    /// Whether weights and inputs may be rounded to bytes, if that is the backend's precision.
    package var allowsInt8: Bool

    package init(
        weight: UnsafeBufferPointer<Float>, bias: UnsafeBufferPointer<Float>?, inputChannels: Int,
        outputChannels: Int, allowsInt8: Bool = false
    ) {
        precondition(weight.count == inputChannels * outputChannels, "weight count")
        precondition(bias.map { $0.count == outputChannels } ?? true, "bias count")
        self.weight = weight
        self.bias = bias
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.allowsInt8 = allowsInt8
    }
}

/// A two-dimensional convolution (cross-correlation, as in torch) with zero padding.
package struct ConvolutionParameters {
    /// `[outputChannels, inputChannels, kernelSize, kernelSize]`; read during packing only.
    package var weight: UnsafeBufferPointer<Float>
    /// `[outputChannels]`; `nil` means zeros.
    package var bias: UnsafeBufferPointer<Float>?
    package var geometry: ConvolutionGeometry
    /// Pixels of the output at the model's native size, if known; the algorithm is chosen for it.
    package var usualPixelCount: Int?
    /// How often a picture needs it; the algorithm is chosen for that, too.
    package var use: ConvolutionUse
    /// Whether weights and inputs may be rounded to bytes, if that is the backend's precision.
    package var allowsInt8: Bool

    package init(
        weight: UnsafeBufferPointer<Float>, bias: UnsafeBufferPointer<Float>?,
        geometry: ConvolutionGeometry, usualPixelCount: Int? = nil,
        use: ConvolutionUse = .everyStep, allowsInt8: Bool = false
    ) {
        let expected =
            geometry.inputChannels * geometry.outputChannels * geometry.kernelSize
            * geometry.kernelSize
        precondition(weight.count == expected, "weight count")
        precondition(bias.map { $0.count == geometry.outputChannels } ?? true, "bias count")
        self.weight = weight
        self.bias = bias
        self.geometry = geometry
        self.usualPixelCount = usualPixelCount
        self.use = use
        self.allowsInt8 = allowsInt8
    }
}

/// How often a picture needs a convolution, and where its errors go.
package enum ConvolutionUse: Sendable, Hashable {
    /// At every step of sampling: speed is worth memory, and errors add up from step to step.
    case everyStep
    /// Once, for the picture: speed is worth less memory, and errors end in its pixels.
    case oncePerPicture
}

/// The numbers that define a convolution, the same in both directions except for the padding.
package struct ConvolutionGeometry: Hashable, Sendable {
    package var inputChannels: Int
    package var outputChannels: Int
    /// 1 or 3.
    package var kernelSize: Int
    /// 1 or 2.
    package var stride: Int
    /// Zero columns on either side.
    package var padding: Int
    /// Zero rows above and below; 0 for inputs that include their surrounding rows.
    package var verticalPadding: Int

    /// - Parameters:
    ///   - padding: `nil` for the padding that keeps the size at stride 1.
    ///   - verticalPadding: `nil` for the same.
    package init(
        inputChannels: Int, outputChannels: Int, kernelSize: Int, stride: Int = 1,
        padding: Int? = nil, verticalPadding: Int? = nil
    ) {
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.kernelSize = kernelSize
        self.stride = stride
        self.padding = padding ?? kernelSize / 2
        self.verticalPadding = verticalPadding ?? self.padding
    }

    /// The output grid for an input grid.
    package func outputShape(for input: TensorShape) -> TensorShape {
        func size(_ length: Int) -> Int { (length - kernelSize) / stride + 1 }
        return TensorShape(
            batch: input.batch, height: size(input.height + 2 * verticalPadding),
            width: size(input.width + 2 * padding), channels: outputChannels)
    }
}
