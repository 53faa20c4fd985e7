-- Health of a ClusterConnect for Argo CD: what kstatus says, and Suspended. A condition about an older generation counts for nothing.
local function condition(type)
  for _, one in ipairs(obj.status and obj.status.conditions or {}) do
    if one.type == type and one.observedGeneration == obj.metadata.generation then
      return one
    end
  end
  return { status = "Unknown" }
end

local function said(one)
  return (one.reason or "") .. ": " .. (one.message or "")
end

local stalled = condition("Stalled")
local reconciling = condition("Reconciling")
local ready = condition("Ready")

if obj.spec and obj.spec.suspend == true then
  return { status = "Suspended", message = "spec.suspend is true: what runs goes on" }
end
if stalled.status == "True" then
  return { status = "Degraded", message = said(stalled) }
end
if reconciling.status == "True" then
  return { status = "Progressing", message = said(reconciling) }
end
if ready.status == "True" and obj.status.observedGeneration == obj.metadata.generation then
  return { status = "Healthy", message = said(ready) }
end
if ready.status == "False" then
  return { status = "Degraded", message = said(ready) }
end
return { status = "Progressing", message = "the operator has not looked at this generation yet" }
