namespace Harness.Nbd;

/// <summary>What the server says to an option, as one run of bytes: all replies that belong to it, in order.</summary>
internal static class OptionAnswers
{
    public static byte[] Ack(NbdOption option) => Build(1, (bytes, _) => OptionReplies.WriteAck(bytes, option));

    public static byte[] Error(NbdOption option, OptionReplyType type, string reason) =>
        Build(1, (bytes, _) => OptionReplies.WriteError(bytes, option, type, reason));

    /// <summary>One SERVER per export, then ACK.</summary>
    public static byte[] List(IReadOnlyList<NbdExport> exports) => Build(
        exports.Count + 1,
        (bytes, index) => index < exports.Count
            ? OptionReplies.WriteServer(bytes, exports[index].Name, exports[index].Description)
            : OptionReplies.WriteAck(bytes, NbdOption.List));

    /// <summary>The facts that were asked for, EXPORT always and last, then ACK.</summary>
    public static byte[] Info(NbdOption option, NbdExport export, InfoTypes wanted)
    {
        BlockGraph graph = export.Graph;
        var writers = new List<Func<byte[], int>>();
        if ((wanted & InfoTypes.Name) != 0)
        {
            writers.Add(bytes => OptionReplies.WriteNameInfo(bytes, option, export.Name));
        }

        if ((wanted & InfoTypes.Description) != 0 && export.Description.Length > 0)
        {
            writers.Add(bytes => OptionReplies.WriteDescriptionInfo(bytes, option, export.Description));
        }

        // Told whether asked for or not: a client that did not ask may still heed it.
        writers.Add(bytes => OptionReplies.WriteBlockSizeInfo(bytes, option, graph.Constraints));
        writers.Add(bytes => OptionReplies.WriteExportInfo(bytes, option, graph.Size, graph.TransmissionFlags));
        writers.Add(bytes => OptionReplies.WriteAck(bytes, option));
        return Build(writers.Count, (bytes, index) => writers[index](bytes));
    }

    /// <summary>The answer to EXPORT_NAME, which has no framing.</summary>
    public static byte[] ExportName(NbdExport export, bool noZeroes)
    {
        byte[] bytes = new byte[ExportNameReply.Size(noZeroes)];
        ExportNameReply.Write(bytes, export.Graph.Size, export.Graph.TransmissionFlags, noZeroes);
        return bytes;
    }

    private static byte[] Build(int replies, Func<byte[], int, int> write)
    {
        using var answer = new MemoryStream();
        byte[] bytes = new byte[OptionReplies.MaxWrittenBytes];
        for (int i = 0; i < replies; i++)
        {
            answer.Write(bytes, 0, write(bytes, i));
        }

        return answer.ToArray();
    }
}
