import { describe, expect, test } from "bun:test"
import { decide } from "./decide.ts"
import type { Found, Judgement } from "./Found.ts"
import { agent, authProxy, authProxyStatus, bound, healthy, probing } from "./testing/found.ts"

const judge = (changes: Partial<Found>) => decide({ ...healthy, ...changes })
const shown = (changes: Partial<Found>) =>
  Object.fromEntries(judge(changes).conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]))
const messageOf = (changes: Partial<Found>, type: string) =>
  judge(changes).conditions.find((one) => one.type === type)?.message
const before = (type: string, status: Judgement["status"], reason: Judgement["reason"]): Judgement => ({
  type,
  status,
  reason,
  message: "as before",
})
const wasFine = [
  before("Ready", "True", "Succeeded"),
  before("Connected", "True", "Connected"),
  before("CredentialsValid", "True", "Valid"),
  before("ImpersonationReady", "True", "Constrained"),
]
const unreachable = { reason: "RelayUnreachable", message: "relay.example.com cannot be reached" } as const
const away: Partial<Found> = { registration: unreachable, sessions: 0, previous: wasFine }

test("where all is well, Ready is True, and neither Reconciling nor Stalled is there", () => {
  expect(shown({})).toEqual({
    Ready: "True Succeeded",
    Connected: "True Connected",
    AgentAvailable: "True Available",
    CredentialsValid: "True Valid",
    ImpersonationReady: "True Constrained",
  })
  expect(judge({})).toMatchObject({ observed: true, authProxyVersion: "1.0.0" })
})

describe("a relay that is away", () => {
  test("for less than a minute changes nothing", () =>
    expect(shown({ ...away, withoutSessionMillis: 59_999 })).toEqual({
      Ready: "True Succeeded",
      Connected: "True Connected",
      AgentAvailable: "True Available",
      CredentialsValid: "True Valid",
      ImpersonationReady: "True Constrained",
    }))

  test("for a minute makes Connected and Ready False, Reconciling and not Stalled", () =>
    expect(shown({ ...away, withoutSessionMillis: 60_000 })).toEqual({
      Ready: "False RelayUnreachable",
      Reconciling: "True RelayUnreachable",
      Connected: "False RelayUnreachable",
      AgentAvailable: "True Available",
      CredentialsValid: "True Valid",
      ImpersonationReady: "True Constrained",
    }))

  test("stays the reason while agents are not ready, and while pods are replaced", () => {
    const agents = [agent({ ready: false }), agent({ name: "new", ready: false, status: undefined })]
    const changes = { ...away, withoutSessionMillis: 300_000, agents, authProxies: [authProxy()] }
    expect(shown(changes)).toMatchObject({ Ready: "False RelayUnreachable", AgentAvailable: "True Available" })
  })

  test("for the operator alone changes nothing: the agents' own word counts", () =>
    expect(shown({ ...away, sessions: 2 })).toMatchObject({ Ready: "True Succeeded", Connected: "True Connected" }))
})

describe("a cluster that the relay does not know", () => {
  const cases: readonly (readonly [Judgement["reason"], "Reconciling" | "Stalled"])[] = [
    ["AwaitingRegistration", "Reconciling"],
    ["SecretMissing", "Reconciling"],
    ["JoinTokenSpent", "Stalled"],
    ["RegistrationRefused", "Stalled"],
  ]
  test.each(cases)("because of %s is %s", (reason, fate) => {
    const found = { sessions: 0, withoutSessionMillis: 99_999, registration: { reason, message: "do this" } }
    expect(shown(found)).toEqual({
      Ready: `False ${reason}`,
      [fate]: `True ${reason}`,
      Connected: `False ${reason}`,
      AgentAvailable: "True Available",
      CredentialsValid: `False ${reason}`,
      ImpersonationReady: "True Constrained",
    })
    expect(messageOf(found, "Ready")).toBe("do this")
  })
})

describe("pods", () => {
  test("that are not there yet are waited for", () =>
    expect(shown({ sessions: 0, agents: [], authProxies: [] })).toEqual({
      Ready: "False AgentUnavailable",
      Reconciling: "True AgentUnavailable",
      Connected: "False AgentUnavailable",
      AgentAvailable: "False AgentUnavailable",
      CredentialsValid: "True Valid",
      ImpersonationReady: "Unknown ImpersonationUnproven",
    }))

  test("whose image cannot be pulled are named with the kubelet's words", () => {
    const agents = [agent({ ready: false, status: undefined, trouble: "ErrImagePull: no such host" })]
    expect(messageOf({ sessions: 0, agents }, "Ready")).toBe(
      "no agent runs: pod cc-edge-agent-1: ErrImagePull: no such host",
    )
  })

  test("without a ready auth proxy nobody can be served, though the relay is connected", () =>
    expect(
      shown({ authProxies: [authProxy({ ready: false, status: undefined, trouble: "CrashLoopBackOff" })] }),
    ).toMatchObject({ Ready: "False AuthProxyUnavailable", Reconciling: "True AuthProxyUnavailable" }))

  test("that are being ended count for nothing", () =>
    expect(shown({ authProxies: [authProxy({ terminating: true })] })).toMatchObject({
      Ready: "False AuthProxyUnavailable",
    }))

  test("one ready auth proxy of two is enough", () =>
    expect(shown({ authProxies: [authProxy(), authProxy({ ready: false, status: undefined })] })).toMatchObject({
      Ready: "True Succeeded",
    }))
})

describe("identity providers", () => {
  const failing = {
    name: "main",
    url: "https://idp.example.com",
    ready: false,
    failure: { name: "IssuerUnreachable", message: "no such host" },
  }
  test("whose keys were never read keep the auth proxy from serving: their name is the reason", () => {
    const found = { authProxies: [authProxy({ ready: false }, { issuers: [failing] })] }
    expect(shown(found)).toMatchObject({ Ready: "False IssuerUnreachable", Reconciling: "True IssuerUnreachable" })
    expect(messageOf(found, "Ready")).toContain("issuer main (https://idp.example.com)")
    expect(messageOf(found, "Ready")).toContain("no such host")
  })

  test("that were added and do not answer leave the others served", () =>
    expect(
      shown({ authProxies: [authProxy({}, { issuers: [...authProxyStatus.issuers, { ...failing, name: "b" }] })] }),
    ).toMatchObject({ Ready: "True Succeeded", Reconciling: "True IssuerUnreachable" }))

  test("that fail after their keys were read change nothing", () =>
    expect(shown({ authProxies: [authProxy({}, { issuers: [{ ...failing, ready: true }] })] })).toEqual(shown({})))
})

describe("the configuration", () => {
  test("is observed when every ready auth proxy has loaded it", () => {
    const old = { configuration: { hash: "h0" } }
    expect(judge({ authProxies: [authProxy(), authProxy({}, old)] }).observed).toBe(false)
    expect(judge({ authProxies: [authProxy(), authProxy({ ready: false }, old)] }).observed).toBe(true)
    expect(judge({ authProxies: [authProxy(), authProxy({ status: undefined })] }).observed).toBe(false)
    expect(judge({ authProxies: [] }).observed).toBe(false)
    expect(judge({ configurationHash: undefined }).observed).toBe(false)
    // kstatus looks at Stalled only of a generation that was observed.
    const hindrances = [{ reason: "AuthenticationInvalid", message: "m" }] as const
    expect(judge({ configurationHash: undefined, hindrances }).observed).toBe(true)
  })

  test("that is being loaded is progress, and the cluster stays Ready", () =>
    expect(shown({ configurationHash: "h2" })).toMatchObject({
      Ready: "True Succeeded",
      Reconciling: "True Progressing",
    }))

  test("that an auth proxy refuses is named with the auth proxy's words", () =>
    expect(
      messageOf(
        { authProxies: [authProxy({}, { configuration: { hash: "h0", failure: "jwt[0]: no" } })] },
        "Reconciling",
      ),
    ).toBe("pod cc-edge-auth-proxy-1 does not take the configuration: jwt[0]: no"))
})

describe("credentials at which nobody looked in this pass", () => {
  const fault = { reason: "AuthenticationInvalid", message: "m" } as const
  const unseen: Partial<Found> = { credentialsKept: false, hindrances: [fault] }

  test("are Unknown where nothing was known", () => {
    expect(shown(unseen)).toMatchObject({
      CredentialsValid: "Unknown Progressing",
      Ready: "False AuthenticationInvalid",
    })
    expect(messageOf(unseen, "CredentialsValid")).not.toContain("accepts")
  })

  test.each([before("CredentialsValid", "True", "Valid"), before("CredentialsValid", "False", "RegistrationRefused")])(
    "are as they were: %p",
    (was) => expect(judge({ ...unseen, previous: [was] }).conditions).toContainEqual(was),
  )

  test("are False when they are what is damaged, whatever was known", () => {
    const damaged = { reason: "CredentialsDamaged", message: "restore it" } as const
    const found = { ...unseen, hindrances: [damaged], previous: wasFine }
    expect(shown(found)).toMatchObject({
      CredentialsValid: "False CredentialsDamaged",
      Stalled: "True CredentialsDamaged",
    })
    expect(messageOf(found, "CredentialsValid")).toBe("restore it")
  })
})

describe("hindrances", () => {
  test.each(["AuthenticationInvalid", "MultiTenantIssuer", "AccessDenied", "CRDOutdated"] as const)(
    "%s is Stalled, also while the last good state serves",
    (reason) =>
      expect(shown({ hindrances: [{ reason, message: "m" }] })).toMatchObject({
        Ready: `False ${reason}`,
        Stalled: `True ${reason}`,
        Connected: "True Connected",
      }),
  )

  test.each(["QuotaExceeded", "SecretMissing", "Progressing"] as const)(
    "%s goes by itself, and what serves is Ready",
    (reason) =>
      expect(shown({ hindrances: [{ reason, message: "m" }] })).toMatchObject({
        Ready: "True Succeeded",
        Reconciling: `True ${reason}`,
      }),
  )

  test("QuotaExceeded is the reason when nothing serves because of it", () =>
    expect(
      shown({ sessions: 0, agents: [], authProxies: [], hindrances: [{ reason: "QuotaExceeded", message: "m" }] }),
    ).toMatchObject({ Ready: "False QuotaExceeded", Reconciling: "True QuotaExceeded" }))
})

describe("impersonation", () => {
  test("that is refused under the constrained role is Stalled, never Legacy by itself", () =>
    expect(shown({ authProxies: [probing("forbidden")], previous: wasFine })).toMatchObject({
      Ready: "False ConstrainedUnavailable",
      Stalled: "True ConstrainedUnavailable",
      ImpersonationReady: "False ConstrainedUnavailable",
    }))

  test.each(["Constrained", "Legacy"] as const)(
    "that is refused under a %s role that somebody has narrowed says that the role has to list the probe's user",
    (mode) => {
      const found = {
        bound: { ...bound, mode },
        role: { name: "clusterconnect-impersonate-x", is: "narrowed" } as const,
        authProxies: [probing("forbidden")],
      }
      expect(shown(found)).toMatchObject({
        Stalled: mode === "Legacy" ? "True AccessDenied" : "True ConstrainedUnavailable",
      })
      expect(messageOf(found, "Stalled")).toContain("ClusterRole clusterconnect-impersonate-x is narrowed")
      expect(messageOf(found, "Stalled")).toContain("add clusterconnect-probe to the resourceNames of users")
    },
  )

  test.each(["Constrained", "Legacy"] as const)(
    "that is refused under a %s role that is missing or is not the installation's says so, and never offers another mode",
    (mode) => {
      const found = {
        bound: { ...bound, mode },
        role: { name: "clusterconnect-impersonate-x", is: "different" } as const,
        authProxies: [probing("forbidden")],
      }
      expect(shown(found)).toMatchObject({
        Stalled: mode === "Legacy" ? "True AccessDenied" : "True ConstrainedUnavailable",
      })
      expect(messageOf(found, "Stalled")).toBe(
        "ClusterRole clusterconnect-impersonate-x is missing or is not the installation's, and the API server refuses impersonation: apply the installation's roles again",
      )
    },
  )

  test("that is refused under the constrained role as it is shipped offers Legacy, knowingly", () => {
    const role = { name: "clusterconnect-impersonate-x", is: "shipped" } as const
    expect(messageOf({ role, authProxies: [probing("forbidden")] }, "Stalled")).toContain(
      "or set impersonation.mode: Legacy knowingly",
    )
  })

  test("that is refused under the legacy role needs the roles", () =>
    expect(shown({ bound: { ...bound, mode: "Legacy" }, authProxies: [probing("forbidden")] })).toMatchObject({
      Stalled: "True AccessDenied",
    }))

  test("that was proven stays so while the API server gives no clear answer", () =>
    expect(shown({ authProxies: [probing("unknown")], previous: wasFine })).toMatchObject({
      Ready: "True Succeeded",
      ImpersonationReady: "True Constrained",
    }))

  test("that was never proven is Unknown", () =>
    expect(shown({ authProxies: [probing("unknown")] })).toMatchObject({
      Ready: "False ImpersonationUnproven",
      Reconciling: "True ImpersonationUnproven",
      ImpersonationReady: "Unknown ImpersonationUnproven",
    }))

  test("in Legacy says that nothing but the auth proxy bounds it", () =>
    expect(shown({ bound: { ...bound, mode: "Legacy" } })).toMatchObject({
      Ready: "True Succeeded",
      ImpersonationReady: "True Legacy",
    }))

  test("that was tried before the role was bound says nothing of the role", () => {
    const since = (seconds: number) => ({
      bound: { ...bound, sinceMillis: Date.parse("2026-01-01T00:00:00Z") - seconds * 1000 },
    })
    expect(shown(since(-1))).toMatchObject({ ImpersonationReady: "Unknown ImpersonationUnproven" })
    expect(shown(since(0))).toMatchObject({ ImpersonationReady: "True Constrained" })
    const authProxies = [probing("forbidden")]
    expect(shown({ ...since(14), authProxies })).toMatchObject({ ImpersonationReady: "Unknown ImpersonationUnproven" })
    expect(shown({ ...since(15), authProxies })).toMatchObject({ ImpersonationReady: "False ConstrainedUnavailable" })
  })

  test("that one auth proxy was refused, while another has yet to try, is no verdict, which Auto could not take back", () =>
    expect(shown({ authProxies: [probing("unknown"), probing("forbidden")] })).toMatchObject({
      ImpersonationReady: "Unknown ImpersonationUnproven",
    }))

  test("that one auth proxy was refused is not hidden by another's success", () =>
    expect(shown({ authProxies: [authProxy(), probing("forbidden")] })).toMatchObject({
      ImpersonationReady: "False ConstrainedUnavailable",
    }))
})

test("a rotation that is under way leaves the cluster Ready and not Reconciling", () =>
  expect(shown({ rotation: "waits for every auth proxy to show the new certificate" })).toEqual({
    ...shown({}),
    CredentialsValid: "True Rotating",
  }))

test("a token for both audiences shows as a condition", () =>
  expect(shown({ relayAudienceAllowed: true })).toMatchObject({ CredentialsValid: "True RelayAudienceAllowed" }))

test("the version is shown when all ready auth proxies have the same", () =>
  expect(judge({ authProxies: [authProxy(), authProxy({}, { version: "1.1.0" })] }).authProxyVersion).toBeUndefined())
