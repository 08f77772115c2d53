export { bytes, counted, moreBytes, namesOf } from "../format.js";
