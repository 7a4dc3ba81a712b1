internal import GRPCCore
internal import Logging

/// Lets a call pass only with `authorization: Bearer TOKEN`.
struct TokenInterceptor: ServerInterceptor {
    let tokens: BearerTokens
    let logger: Logger

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: ServerContext,
        next:
            @Sendable (
                _ request: StreamingServerRequest<Input>, _ context: ServerContext
            ) async throws -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        guard try admits(request.metadata) else {
            logger.warning(
                "Refused a control call without a valid token",
                metadata: ["method": "\(context.descriptor.method)", "peer": "\(context.remotePeer)"])
            throw RPCError(
                code: .unauthenticated,
                message: "this address needs a valid token: give --token-file FILE, or the metadata entry "
                    + "`authorization: Bearer TOKEN`")
        }
        return try await next(request, context)
    }

    private func admits(_ metadata: Metadata) throws -> Bool {
        let values = Array(metadata[stringValues: "authorization"])
        let prefix = "bearer "
        guard values.count == 1, values[0].lowercased().hasPrefix(prefix) else { return false }
        do throws(BearerTokens.Problem) {
            return try tokens.admit(Array(values[0].utf8.dropFirst(prefix.utf8.count)))
        } catch {
            // The caller learns nothing about files here; the operator does.
            logger.error("The token file cannot be read", metadata: ["problem": "\(error)"])
            throw RPCError(
                code: .unavailable, message: "the server cannot check tokens now; its log says why")
        }
    }
}
