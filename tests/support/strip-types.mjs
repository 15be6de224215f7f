// jest transform: TypeScript to JavaScript by blanking the types, the way Node 24 runs the sources themselves.
// Lines and columns stay where they are, so stack traces need no source map.
import { stripTypeScriptTypes } from 'node:module';

export default {
  process(source) {
    return { code: stripTypeScriptTypes(source, { mode: 'strip' }) };
  },
};
