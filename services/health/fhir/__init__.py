"""Clinics as HL7 FHIR R4 tells them: what we know as resources, what others ask as parameters, refusals as outcomes."""
