export { drawn, drawnEdges } from "../store/questions/drawn.js";
