import Accounts
import HTTPTypes
public import Reconciliation
import Store

/// Why a request goes where it goes.
public enum ExplainOperation {
    public static func make(reconciler: Reconciler, desk: EndpointDesk) -> Operation {
        let explainer = Explainer(reconciler: reconciler, desk: desk)
        var operation = Operation(
            "explain", .post, "/api/explain", .role(.viewer, .rulesRead),
            "Which listener, certificate, rule, stages and endpoints a request meets, and why. Nothing is sent.",
            body: Question.schema, outcomes: [.init(.ok, "The decision, step by step.", ExplanationDocument.schema)]
        ) { call in Answer(.ok, try await explainer.explain(Question(call.body))) }
        operation.bodyLimit = 64 << 10
        return operation
    }
}
