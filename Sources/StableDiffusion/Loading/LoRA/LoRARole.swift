// SPDX-License-Identifier: Apache-2.0

/// What a tensor of a LoRA file is to its layer, by the end of its key.
///
/// Keys are `<stem><ending>`: the stem names the layer (`LoRANames`), the ending the part.
enum LoRARole: Hashable, Sendable {
    case up, down, mid
    case alpha, scale
    /// LyCORIS' `dora_scale`, per row or per column by its shape.
    case decomposition
    /// PEFT's magnitudes, always per row.
    case magnitude
    case firstOuter, firstInner, firstCore, secondOuter, secondInner, secondCore
    case left, leftOuter, leftInner, right, rightOuter, rightInner, rightCore
    case difference, biasDifference

    /// The endings in use: those of sd-scripts, LyCORIS, PEFT, and diffusers before PEFT.
    private static let endings: [(text: String, role: LoRARole)] = [
        (".lora_down.weight", .down), (".lora_up.weight", .up), (".lora_mid.weight", .mid),
        (".lora_A.weight", .down), (".lora_B.weight", .up),
        (".lora_A.default.weight", .down), (".lora_B.default.weight", .up),
        (".lora.down.weight", .down), (".lora.up.weight", .up),
        ("_lora.down.weight", .down), ("_lora.up.weight", .up),
        (".lora_linear_layer.down.weight", .down), (".lora_linear_layer.up.weight", .up),
        (".alpha", .alpha), (".scale", .scale), (".dora_scale", .decomposition),
        (".lora_magnitude_vector", .magnitude), (".lora_magnitude_vector.weight", .magnitude),
        (".lora_magnitude_vector.default.weight", .magnitude),
        (".hada_w1_a", .firstOuter), (".hada_w1_b", .firstInner), (".hada_t1", .firstCore),
        (".hada_w2_a", .secondOuter), (".hada_w2_b", .secondInner), (".hada_t2", .secondCore),
        (".lokr_w1", .left), (".lokr_w1_a", .leftOuter), (".lokr_w1_b", .leftInner),
        (".lokr_w2", .right), (".lokr_w2_a", .rightOuter), (".lokr_w2_b", .rightInner),
        (".lokr_t2", .rightCore), (".diff", .difference), (".diff_b", .biasDifference),
        (".w_norm", .difference), (".b_norm", .biasDifference),
    ]

    /// Endings of adapters that are no sum of the weight and a change.
    private static let refused = [
        ".oft_blocks": "OFT or BOFT", ".oft_diag": "OFT", ".oft_R.weight": "OFT",
        ".on_input": "IA³", ".ia3_l": "IA³", ".a1.weight": "GLoRA", ".a2.weight": "GLoRA",
        ".b1.weight": "GLoRA", ".b2.weight": "GLoRA",
    ]

    /// Splits a key; `nil` where the ending is none of a LoRA.
    static func split(_ key: String) -> (stem: String, role: LoRARole)? {
        for (text, role) in endings where key.hasSuffix(text) {
            return (String(key.dropLast(text.count)), role)
        }
        return nil
    }

    /// The name of another kind of adapter by one of its keys.
    static func refusedKind(of key: String) -> String? {
        refused.first { key.hasSuffix($0.key) }?.value
    }
}

/// How a change is made of tensors.
enum LoRAKind: String, CaseIterable {
    case lowRank = "LoRA"
    case hadamard = "LoHa"
    case kronecker = "LoKr"
    case full = "difference"

    /// The tensors that decide the change of the weight.
    var roles: [LoRARole] {
        switch self {
        case .lowRank: [.up, .down, .mid]
        case .hadamard:
            [.firstOuter, .firstInner, .firstCore, .secondOuter, .secondInner, .secondCore]
        case .kronecker:
            [.left, .leftOuter, .leftInner, .right, .rightOuter, .rightInner, .rightCore]
        case .full: [.difference]
        }
    }
}
