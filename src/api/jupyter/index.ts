export { createJupyterDoor, isJupyterPath, type JupyterDoor } from './jupyter-door.ts';
