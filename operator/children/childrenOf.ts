import { impersonationBinding, otherBindings, serviceAccount } from "./accounts.ts"
import { agentDeployment } from "./agentDeployment.ts"
import { authProxyConfigMap, authProxyConfiguration, configurationHash } from "./authProxyConfiguration.ts"
import { authProxyDeployment } from "./authProxyDeployment.ts"
import type { Children, ChildrenInput } from "./ChildrenInput.ts"
import { disruptionBudgets, otherDisruptionBudgets } from "./disruptionBudgets.ts"
import { networkPolicies, otherNetworkPolicies } from "./networkPolicies.ts"
import { agentSecret, authProxySecret } from "./secrets.ts"
import { authProxyServices } from "./services.ts"

/**
 * All children of one ClusterConnect but the Secret of its identity. Pure.
 * @throws {TypeError} for a relay URL that the definition would not have let in, and for an {@link ChildrenInput.httpProxy} without its reference
 */
export const childrenOf = (input: ChildrenInput): Children => {
  const configuration = authProxyConfiguration(input.resource.spec)
  return {
    owner: input.resource,
    desired: [
      serviceAccount(input, "agent"),
      serviceAccount(input, "auth-proxy"),
      impersonationBinding(input),
      agentSecret(input),
      authProxySecret(input),
      authProxyConfigMap(input, configuration),
      ...networkPolicies(input),
      ...authProxyServices(input),
      authProxyDeployment(input),
      agentDeployment(input),
      ...disruptionBudgets(input),
    ],
    absent: [...otherBindings(input), ...otherNetworkPolicies(input), ...otherDisruptionBudgets(input)],
    configurationHash: configurationHash(configuration),
  }
}
