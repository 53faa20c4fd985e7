/** Configuration files: YAML or JSON, decoded by a schema, followed while the program runs. */
export {
  ConfigurationInvalid,
  decodeConfiguration,
  type Loaded,
  MAX_CONFIGURATION_BYTES,
} from "./configuration/decode.ts"
export { loadConfiguration, type WatchedConfiguration, watchConfiguration } from "./configuration/watch.ts"
