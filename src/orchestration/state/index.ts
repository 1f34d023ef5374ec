export {
  PROPOSAL_LIMITS, PlanPacketProposalSchema, EvidenceProposalSchema, StateUpdateProposalSchema, ConsultationRequestSchema,
  PlanProposalSchema, PacketPatchProposalSchema, IntegrateProposalSchema, ReportNotesProposalSchema, MemoPatchProposalSchema,
  type PlanPacketProposal, type EvidenceProposal, type StateUpdateProposal, type ConsultationRequest, type PlanProposal,
  type PacketPatchProposal, type IntegrateProposal, type ReportNotesProposal, type MemoPatchProposal,
} from './proposals.ts';
