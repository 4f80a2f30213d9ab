import CoreML
import Foundation
import ModerationKit

/// The model that `edgeconv bundle ios` put into the app, and the contract inside it.
struct BundledModel: @unchecked Sendable {
    /// Why there is none.
    enum Problem: Error, Equatable {
        case missing
        case noContract(model: String)
    }

    let contract: Contract
    let model: MLModel

    /// - Throws: ``Problem``, `ContractError`, or what Core ML throws for a damaged model.
    static func load(from bundle: Bundle = .main) async throws -> BundledModel {
        guard
            let says = bundle.url(
                forResource: ModelBundle.resourceName, withExtension: "json")
        else { throw Problem.missing }
        let described = try JSONDecoder().decode(ModelBundle.self, from: Data(contentsOf: says))
        guard
            let compiled = bundle.url(
                forResource: described.compiledName, withExtension: "mlmodelc")
        else { throw Problem.missing }
        let configuration = MLModelConfiguration()
        configuration.computeUnits = ComputeUnits.here
        let model = try await MLModel.load(contentsOf: compiled, configuration: configuration)
        return BundledModel(
            contract: try contract(inside: model, named: described.model), model: model)
    }

    private static func contract(inside model: MLModel, named name: String) throws -> Contract {
        let metadata = model.modelDescription.metadata[.creatorDefinedKey] as? [String: String]
        guard let json = metadata?[Contract.metadataKey] else {
            throw Problem.noContract(model: name)
        }
        return try Contract.decoded(from: Data(json.utf8))
    }
}

extension BundledModel.Problem: LocalizedError {
    var errorDescription: String? {
        switch self {
        case .missing:
            String(localized: "There is no model in this app.")
        case .noContract(let model):
            String(localized: "\(model) carries no edgeconv contract.")
        }
    }
}
